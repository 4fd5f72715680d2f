import { HAPROXY } from '../support/proxy.ts'
import { describeProtectedService } from './protected-service.contract.ts'

describeProtectedService(HAPROXY)
